#include "issuer/pages.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define COOKIE "millrace-sign-in"
#define TOKEN_LEN 43

/* ---- pieces ---- */

static void put_escaped(struct buffer *out, struct slice text)
{
    for (size_t n = 0; n < text.len; n++) {
        switch (text.at[n]) {
        case '&': buffer_text(out, "&amp;"); break;
        case '<': buffer_text(out, "&lt;"); break;
        case '>': buffer_text(out, "&gt;"); break;
        case '"': buffer_text(out, "&quot;"); break;
        case '\'': buffer_text(out, "&#39;"); break;
        default: buffer_u8(out, text.at[n]);
        }
    }
}

static void make_random(struct buffer *out)
{
    uint8_t random[32];
    crypto_random(random, sizeof random);
    base64url_encode(slice_from(random, sizeof random), out);
}

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f3f4f6;color:#111827}"
    "main{max-width:22rem;margin:12vh auto 0;padding:2rem;background:#fff;border:1px solid #d1d5db;border-radius:.5rem}"
    "h1{font-size:1.25rem;margin:0 0 1rem}label{display:block;margin-top:1rem;font-weight:600}"
    "input{box-sizing:border-box;width:100%;padding:.6rem;margin-top:.25rem;font:inherit;border:1px solid #6b7280;border-radius:.25rem}"
    "button{margin-top:1.5rem;width:100%;padding:.6rem;font:inherit;font-weight:600;border:1px solid #1d4ed8;border-radius:.25rem;"
    "background:#1d4ed8;color:#fff}button.no{background:#fff;color:#1d4ed8;margin-top:.5rem}"
    "button:focus-visible,input:focus-visible{outline:3px solid #93c5fd;outline-offset:1px}"
    "p.trouble{padding:.6rem;border-left:4px solid #b91c1c;background:#fef2f2}"
    "@media(prefers-color-scheme:dark){body{background:#111827;color:#f3f4f6}main{background:#1f2937;border-color:#374151}"
    "input{background:#111827;color:#f3f4f6}p.trouble{background:#450a0a}button.no{background:#1f2937;color:#93c5fd}}";

static void begin(struct buffer *out, const char *title, struct slice nonce)
{
    buffer_printf(out,
                  "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width\"><title>%s - Millrace</title>"
                  "<style nonce=\"%.*s\">%s</style></head><body><main><h1>%s</h1>",
                  title, SLICE_FMT(nonce), style, title);
}

/* `script`: one with the nonce may run. Not form-action: it would forbid the way back to the client. */
static void end(struct rest_request *r, int status, struct buffer *page, struct slice nonce, bool script)
{
    struct buffer policy = {0};
    buffer_printf(&policy, "default-src 'none'; style-src 'nonce-%.*s'; base-uri 'none'; frame-ancestors 'none'",
                  SLICE_FMT(nonce));
    if (script)
        buffer_printf(&policy, "; script-src 'nonce-%.*s'", SLICE_FMT(nonce));
    buffer_text(page, "</main></body></html>");
    rest_add_header(r, "Content-Security-Policy", buffer_slice(&policy));
    rest_add_header(r, "X-Frame-Options", SLICE("DENY"));
    rest_add_header(r, "X-Content-Type-Options", SLICE("nosniff"));
    rest_add_header(r, "Referrer-Policy", SLICE("no-referrer"));
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    rest_reply(r, status, "text/html; charset=utf-8", buffer_slice(page));
    buffer_clear(&policy);
}

/* ---- the token of a form ---- */

static struct slice cookie_token(const struct rest_request *r)
{
    struct slice rest = rest_header(r, "Cookie"), part;
    while (rest.len && slice_split(&rest, ';', &part)) {
        part = slice_trim(part);
        if (slice_starts(part, SLICE(COOKIE "=")))
            return slice_skip(part, sizeof(COOKIE));
    }
    return (struct slice){0};
}

bool issuer_page_token_ok(const struct rest_request *r, struct slice token)
{
    return token.len == TOKEN_LEN && crypto_equal(cookie_token(r), token);
}

/* The cookie that is there stays: a person may have two forms open. */
static void put_token(struct rest_request *r, struct buffer *page)
{
    struct buffer made = {0}, cookie = {0};
    struct slice token = cookie_token(r);
    if (token.len != TOKEN_LEN) {
        make_random(&made);
        token = buffer_slice(&made);
    }
    buffer_printf(&cookie, COOKIE "=%.*s; Path=/; HttpOnly; Secure; SameSite=Lax", SLICE_FMT(token));
    rest_add_header(r, "Set-Cookie", buffer_slice(&cookie));
    buffer_text(page, "<input type=\"hidden\" name=\"token\" value=\"");
    put_escaped(page, token);
    buffer_text(page, "\">");
    buffer_clear(&made);
    buffer_clear(&cookie);
}

static void put_trouble(struct buffer *page, const char *trouble)
{
    if (!trouble)
        return;
    buffer_text(page, "<p class=\"trouble\" role=\"alert\">");
    put_escaped(page, slice_of(trouble));
    buffer_text(page, "</p>");
}

/* ---- pages ---- */

/* Forms go to the page's own address, whose query says what is asked for. */
void issuer_page_sign_in(struct rest_request *r, const struct issuer_sign_in_page *p)
{
    struct buffer page = {0}, nonce = {0};
    bool device = p->user_code.len > 0;
    make_random(&nonce);
    begin(&page, device ? "Allow a device" : "Sign in", buffer_slice(&nonce));
    put_trouble(&page, p->trouble);
    buffer_text(&page, device ? "<p>The code is of a device that runs <b>" : "<p>to go on to <b>");
    put_escaped(&page, p->client);
    buffer_text(&page, device ? "</b>. It will act in your name. Sign in to allow it, if you have just started that yourself.</p>"
                              : "</b></p>");
    buffer_text(&page, "<form method=\"post\">");
    put_token(r, &page);
    if (device) {
        buffer_text(&page, "<input type=\"hidden\" name=\"user_code\" value=\"");
        put_escaped(&page, p->user_code);
        buffer_text(&page, "\">");
    }
    buffer_text(&page, "<label for=\"name\">Name</label><input id=\"name\" name=\"username\" autocomplete=\"username\" "
                       "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"64\" required value=\"");
    put_escaped(&page, p->user);
    buffer_printf(&page, "\"%s>", p->user.len ? "" : " autofocus");
    buffer_printf(&page, "<label for=\"password\">Password</label><input id=\"password\" type=\"password\" name=\"password\" "
                         "autocomplete=\"current-password\" maxlength=\"256\" required%s>",
                  p->user.len ? " autofocus" : "");
    buffer_text(&page, device ? "<button name=\"answer\" value=\"allow\">Allow</button>"
                                "<button class=\"no\" name=\"answer\" value=\"deny\" formnovalidate>Refuse</button></form>"
                              : "<button>Sign in</button></form>");
    end(r, p->status, &page, buffer_slice(&nonce), false);
    buffer_clear(&page);
    buffer_clear(&nonce);
}

void issuer_page_code(struct rest_request *r, struct slice typed, const char *trouble)
{
    struct buffer page = {0}, nonce = {0};
    make_random(&nonce);
    begin(&page, "Allow a device", buffer_slice(&nonce));
    put_trouble(&page, trouble);
    buffer_text(&page, "<form method=\"get\"><label for=\"code\">Code that the device shows</label>"
                       "<input id=\"code\" name=\"user_code\" autocomplete=\"off\" autocapitalize=\"characters\" "
                       "spellcheck=\"false\" maxlength=\"20\" required autofocus value=\"");
    put_escaped(&page, typed);
    buffer_text(&page, "\"><button>Next</button></form>");
    end(r, trouble ? 400 : 200, &page, buffer_slice(&nonce), false);
    buffer_clear(&page);
    buffer_clear(&nonce);
}

void issuer_page_text(struct rest_request *r, int status, const char *title, const char *text)
{
    struct buffer page = {0}, nonce = {0};
    make_random(&nonce);
    begin(&page, title, buffer_slice(&nonce));
    buffer_text(&page, "<p>");
    put_escaped(&page, slice_of(text));
    buffer_text(&page, "</p>");
    end(r, status, &page, buffer_slice(&nonce), false);
    buffer_clear(&page);
    buffer_clear(&nonce);
}

void issuer_page_post_on(struct rest_request *r, struct slice url, const struct issuer_page_field *fields, size_t count)
{
    struct buffer page = {0}, nonce = {0};
    make_random(&nonce);
    begin(&page, "Signed in", buffer_slice(&nonce));
    buffer_text(&page, "<form method=\"post\" id=\"on\" action=\"");
    put_escaped(&page, url);
    buffer_text(&page, "\">");
    for (size_t n = 0; n < count; n++) {
        buffer_printf(&page, "<input type=\"hidden\" name=\"%s\" value=\"", fields[n].name);
        put_escaped(&page, fields[n].value);
        buffer_text(&page, "\">");
    }
    buffer_printf(&page, "<button>Go on</button></form><script nonce=\"%.*s\">document.getElementById('on').submit()</script>",
                  SLICE_FMT(buffer_slice(&nonce)));
    end(r, 200, &page, buffer_slice(&nonce), true);
    buffer_clear(&page);
    buffer_clear(&nonce);
}

/*
 * The issuer's pages: where a person signs in, where a device's code is typed, and what went wrong.
 * Plain forms without scripts (one page sends itself on); every text from outside is escaped. Each
 * answers the request with a strict content security policy.
 *
 * Forms carry a random text that stands in a cookie as well, so that no other site can send one.
 */
#pragma once

#include "rest/route.h"

struct issuer_sign_in_page {
    struct slice client;    /* who asks */
    struct slice user;      /* already in the field; may be empty */
    const char *trouble;    /* what was wrong with the last try; NULL: nothing */
    struct slice user_code; /* of a device: it may be allowed or refused; empty: a sign-in */
    int status;
};

void issuer_page_sign_in(struct rest_request *r, const struct issuer_sign_in_page *p);
/* Asks for a device's code. `trouble` may be NULL. */
void issuer_page_code(struct rest_request *r, struct slice typed, const char *trouble);
void issuer_page_text(struct rest_request *r, int status, const char *title, const char *text);

/* Sends code, state and iss to a client's page by a form (OAuth 2.0 Form Post Response Mode). */
struct issuer_page_field {
    const char *name;
    struct slice value;
};
void issuer_page_post_on(struct rest_request *r, struct slice url,
                         const struct issuer_page_field *fields, size_t count);

/* The form's "token" is the cookie's. */
bool issuer_page_token_ok(const struct rest_request *r, struct slice token);

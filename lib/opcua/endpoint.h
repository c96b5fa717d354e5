/*
 * Which of a server's endpoints a connection takes, and which of that endpoint's ways to say who
 * the user is (Part 4, 7.10 and 7.36). Pure: what the server said goes in, a choice or the reason
 * why there is none comes out.
 *
 * The best is: signed and encrypted before signed before neither, then what the server ranks
 * higher, then the stronger policy. A password goes out encrypted where the server offers it in any
 * way.
 */
#pragma once

#include "opcua/session.h"

#define OPCUA_POLICY_PREFIX "http://opcfoundation.org/UA/SecurityPolicy#"

enum opcua_user_kind { OPCUA_USER_ANONYMOUS, OPCUA_USER_NAME, OPCUA_USER_CERTIFICATE };

struct opcua_endpoint_wish {
    enum opcua_security security;
    struct slice policy; /* URI or its last word; empty: any */
    enum opcua_user_kind user;
    bool has_certificate; /* we have one of our own: without it there is no security, and no
                             encrypted password */
};

struct opcua_endpoint_choice {
    size_t endpoint, token; /* index among the endpoints, and among its userIdentityTokens */
    UA_String user_policy;  /* that the user is encrypted or signed with; empty: none. Borrowed */
    bool plain_password;    /* the password goes over the wire for everybody to read */
};

#define OPCUA_ENDPOINT_REASON_MAX 384

/* BadSecurityModeRejected, BadSecurityPolicyRejected or BadIdentityTokenRejected with a sentence in
 * `reason` that says what the server does offer. */
UA_StatusCode opcua_endpoint_choose(const UA_EndpointDescription *endpoints, size_t count,
                                    const struct opcua_endpoint_wish *wish,
                                    struct opcua_endpoint_choice *out,
                                    char reason[OPCUA_ENDPOINT_REASON_MAX]);

/* "Basic256Sha256" of a policy's URI, "None" of an empty one. */
struct slice opcua_policy_name(struct slice uri);

/* The path that the server gave its endpoint behind the host and port that it was found at: servers
 * behind a translated address do not know that one. To be freed. */
char *opcua_endpoint_url(struct slice found_at, struct slice offered);

/*
 * OAuth2 bearer tokens (RFC 6750) for a server's `authorize`: a JWT of a known issuer for one of
 * our audiences, signed with a key that the issuer publishes (OpenID Connect discovery). Keys are
 * fetched when the first token comes and again after `keys_ms`, from when on a key that the issuer took
 * back is not believed any more. A token with an unknown key waits until they were fetched again, which
 * is at most every `refetch_ms`: an issuer may change its keys at any time, and strangers' tokens do not
 * become a flood there. Up to REST_BEARER_WAITING_MAX requests wait.
 * A token that was good is remembered until it expires, so that the signature is computed once.
 */
#pragma once

#include "rest/client.h"
#include "rest/grants.h"
#include "rest/server.h"

#define REST_BEARER_WAITING_MAX 1000    /* 503 beyond */
#define REST_BEARER_REMEMBERED_MAX 1000 /* all are forgotten beyond */

struct rest_bearer_config {
    struct loop *loop;
    struct rest_client *client; /* to be freed before the rest_bearer */
    const char
        *authority; /* URL whose /.well-known/openid-configuration tells where the keys are */
    const char *const
        *issuers; /* what "iss" may be; NULL at the end. NULL: what the discovery document says */
    const char *const *audiences; /* what "aud" may be; NULL at the end */
    const char *const *tenants;   /* what "tid" may be; NULL at the end. NULL: not looked at */
    struct rest_grants_rules rules; /* what it allows; rest/grants.h */
    uint64_t keys_ms;             /* 0: 10 min */
    uint64_t refetch_ms;          /* 0: 1 s */
    uint64_t skew_ms;             /* between the issuer's clock and ours. 0: 60 s */
};

struct rest_bearer;

struct rest_bearer *rest_bearer_new(const struct rest_bearer_config *config); /* copies */
void rest_bearer_free(struct rest_bearer **b);

/* A rest_authorize_fn but for its first argument. REST_READ: any good token; REST_WRITE: role
 * Write, Admin or Sign; REST_ADMIN: Admin or Sign; others are refused. Sets r->user to the token's
 * subject. The token is in the header Authorization; of WebSockets and event streams, whose browsers
 * cannot set one, in the query's access_token as well. */
void rest_bearer_authorize(struct rest_bearer *b, struct rest_request *r);

/* Whether the issuer's keys are there, for rest_health_add(); begins to fetch them when not. */
bool rest_bearer_ready(void *b, struct buffer *detail);

/*
 * The registry's documents as the REST API shows them, made from what discovery and clients say.
 * What is not in the model is dropped; null means "not given", an empty string or list in a patch
 * means "take it away". Pure.
 */
#pragma once

#include "services/ids.h"
#include "json/write.h"

/* An operation on the registry: who and when. */
struct services_documents_stamp {
    struct slice authority;
    uint64_t time_ms;
};

struct services_documents_application {
    struct slice id, site, discoverer; /* empty: left out */
    const struct json *said;           /* ApplicationInfo, ApplicationRegistrationRequest */
    const struct json *patch;          /* ApplicationRegistrationUpdate; may be NULL */
    const struct json *created;        /* kept from before; NULL: as `now` */
    struct services_documents_stamp now;
    bool update; /* `now` is "updated" and not "created" */
};

/* ApplicationInfo, without notSeenSince. */
void services_documents_put_application(const struct services_documents_application *a,
                                        struct buffer *out);

/* "Server" unless said otherwise, spelled as the model does. */
struct slice services_documents_type(const struct json *application);

struct services_documents_endpoint {
    struct slice id, site, discoverer, supervisor;
    const struct json *said; /* EndpointRegistration */
};

/* EndpointRegistration. */
void services_documents_put_endpoint(const struct services_documents_endpoint *e,
                                     struct buffer *out);

/* The URL that the server reports; the accessible one when it reports none. */
struct slice services_documents_url(const struct json *registration);
/* Of the endpoint in a registration: empty, or spelled as the model does. */
struct slice services_documents_mode(const struct json *registration);
struct slice services_documents_policy(const struct json *registration);

/* Whether discovery shall activate the endpoint: EndpointActivationFilter; NULL matches none. */
bool services_documents_filter_matches(const struct json *filter, const struct json *registration);

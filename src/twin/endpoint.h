/*
 * Where to and as whom: EndpointModel {url, alternativeUrls, securityMode, securityPolicy,
 * certificate} and the header's elevation {type, value}. 2.9 has the endpoint inside "connection",
 * and the user there too.
 */
#pragma once

#include "twin/request.h"

/* Fills connection, urls and form of the request. The slices point into the payload. */
CHECKED enum status twin_endpoint_read(const struct json *payload, struct twin_request *r,
                                       struct buffer *why);

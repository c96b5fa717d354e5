/* A certificate as OPC Publisher's and OPC Twin's contracts have it: X509Certificate. */
#pragma once

#include "base/slice.h"
#include "json/write.h"

/* Begins the object with what everybody tells; the caller adds its bytes in the form that is his, and
 * ends it. False, and nothing is written: it is no certificate. */
bool opcua_certificate_begin(struct json_writer *w, struct slice der);

/* "pfx" as 2.9 has it: PKCS #12 with the certificate and never a key, as an array of numbers. Nothing
 * is written when that cannot be made. */
void opcua_certificate_put_pfx(struct json_writer *w, struct slice der);

/* The certificate stores by direct method: OPC Publisher's "PKI" methods, with any version suffix.
 */
#pragma once

#include "client/module.h"

struct opcua_pki;
struct pki_methods;

/* Adds its methods to the module. `pki` outlives it. */
struct pki_methods *pki_methods_start(struct module *m, struct opcua_pki *pki);
/* After the module was freed. Work on the disk that is under way ends by itself. */
void pki_methods_free(struct pki_methods **p);

/* `millrace issuer`: serves tokens; `millrace issuer add-client NAME --roles Read,Write` and its
 * kin. */
#pragma once

int issuer_main(int argc, char **argv);

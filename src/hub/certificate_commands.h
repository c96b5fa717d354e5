/* "millrace hub certificate …": the same as the REST of rest_certificates.c, on the hub's folder. */
#pragma once

int hub_certificate_commands(int argc, char **argv);

/* `millrace hub connection-string`: prints what clients need, from the hub's data folder. */
#pragma once

int hub_connection_strings(int argc, char **argv);

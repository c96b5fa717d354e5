/*
 * `millrace opc`: a module that hosts any of the roles publisher, twin and discovery. In one process they
 * share a session for each server and user, and the connection to the edge. `millrace publisher`,
 * `millrace twin` and `millrace discovery` are the same program with one role.
 */
#pragma once

int opc_main(int argc, char **argv);

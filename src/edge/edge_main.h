/* `millrace edge`: the edge as a program. */
#pragma once

int edge_main(int argc, char **argv);

/* `millrace hub`: the hub as a program. */
#pragma once

int hub_main(int argc, char **argv);

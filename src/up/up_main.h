/* `millrace up`: the whole platform on one machine. */
#pragma once

int up_main(int argc, char **argv);

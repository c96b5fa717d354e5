/* `millrace services`: the REST services of Azure Industrial IoT 2.8 on one port. */
#pragma once

int services_main(int argc, char **argv);

/* For tests of the wires: a provisioning service in memory with one enrolment, "dev", which is disabled, so that no hub is
 * needed. */
#pragma once

#include "base/cmocka.h"
#include "dps/dps.h"

#define SCOPE "0ne12345678"
#define KEY "Z3JvdXAga2V5IG9mIHRlc3Rz"
#define WAIT_MS 20000

static inline void dps_rig_on_enrolled(void *arg, const struct dps_service_answer *a)
{
    assert_int_equal(a->why, OK);
    *(bool *)arg = true;
}

static inline bool dps_rig_is_true(void *arg)
{
    return *(bool *)arg;
}

static inline struct dps *dps_rig_open(struct loop *loop, const struct policies *policies)
{
    static const char *const hosts[] = {"dps.example", NULL};
    struct dps_hub_config hub = {"HostName=hub;SharedAccessKeyName=p;SharedAccessKey=a2V5"};
    struct dps *dps;
    bool enrolled = false;
    assert_int_equal(dps_open(&(struct dps_config){.loop = loop,
                                                   .path = ":memory:",
                                                   .id_scope = SCOPE,
                                                   .hosts = hosts,
                                                   .policies = policies,
                                                   .hubs = &hub,
                                                   .hub_count = 1,
                                                   .retry_ms = 2000},
                              &dps),
                     OK);
    dps_service(dps, loop,
                &(struct dps_service_ask){
                    .what = DPS_ENROLLMENT_PUT,
                    .id = SLICE("dev"),
                    .body = SLICE("{\"registrationId\":\"dev\",\"provisioningStatus\":\"disabled\","
                                  "\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
                                  "\"primaryKey\":\"" KEY "\"}}}")},
                dps_rig_on_enrolled, &enrolled);
    assert_true(loop_run_until(loop, dps_rig_is_true, &enrolled, WAIT_MS));
    return dps;
}

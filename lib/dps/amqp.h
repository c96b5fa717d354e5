/*
 * Provisioning over AMQP: two links at "{idScope}/registrations/{registrationId}", requests on the
 * one, answers on the other, paired by connection and address. Who a device is comes in SASL PLAIN,
 * with the address as its user and a SharedAccessSignature as its secret, or is its certificate.
 *
 * Bounds: DPS_AMQP_REQUESTS_MAX under way on a link, as many answers that wait for credit; the
 * oldest of those is dropped.
 */
#pragma once

#include "dps/dps.h"
#include "heads/amqp.h"

#define DPS_AMQP_REQUESTS_MAX 8

/* A right of grants, apart from all that the program beside it knows. */
#define DPS_AMQP_RIGHT 0x10000u

struct dps_amqp;

struct dps_amqp *dps_amqp_new(struct dps *d);
/* After the last connection. */
void dps_amqp_free(struct dps_amqp **a);

/* Their `arg` is the struct dps_amqp. */
#define DPS_AMQP_KINDS 2
extern const struct heads_amqp_kind dps_amqp_kinds[DPS_AMQP_KINDS];

/* Whether a token is a device's that wants to be provisioned; then it is to be verified here. */
bool dps_amqp_claims(const struct heads_amqp_token *token);
void dps_amqp_verify(struct dps_amqp *a, struct heads_amqp_check *check,
                     const struct heads_amqp_token *token);

#include "iot/status_wire.h"

#include <stddef.h>

/* clang-format off */
static const struct iot_status_wire wires[STATUS_COUNT] = {
    [OK]           = {200, 0,      "",                          NULL},
    [AGAIN]        = {503, 503001, "ServiceUnavailable",        "amqp:internal-error"},
    [BAD_FORMAT]   = {400, 400006, "IotHubFormatError",         "com.microsoft:argument-error"},
    [BAD_ARGUMENT] = {400, 400004, "ArgumentInvalid",           "com.microsoft:argument-error"},
    [TOO_LARGE]    = {413, 413001, "MessageTooLarge",           "amqp:link:message-size-exceeded"},
    [UNAUTHORIZED] = {401, 401003, "IotHubUnauthorized",        "amqp:unauthorized-access"},
    [FORBIDDEN]    = {401, 401002, "IotHubUnauthorizedAccess",  "amqp:unauthorized-access"},
    [NOT_FOUND]    = {404, 404001, "DeviceNotFound",            "amqp:not-found"},
    [EXISTS]       = {409, 409001, "DeviceAlreadyExists",       "com.microsoft:device-already-exists"},
    [CONFLICT]     = {412, 412001, "PreconditionFailed",        "com.microsoft:precondition-failed"},
    [LOCK_LOST]    = {412, 412002, "DeviceMessageLockLost",     "com.microsoft:message-lock-lost"},
    [OFFLINE]      = {404, 404103, "DeviceNotOnline",           "amqp:not-found"},
    [TIMED_OUT]    = {504, 504101, "GatewayTimeout",            "com.microsoft:timeout"},
    [FULL]         = {403, 403004, "DeviceMaximumQueueDepthExceeded", "amqp:resource-limit-exceeded"},
    [BUSY]         = {429, 429001, "ThrottlingException",       "com.microsoft:device-container-throttled"},
    [CANCELLED]    = {503, 503001, "ServiceUnavailable",        "amqp:link:detach-forced"},
    [UNSUPPORTED]  = {400, 400003, "InvalidOperation",          "amqp:not-implemented"},
    [PEER_FAILED]  = {502, 502000, "BadGateway",                "amqp:internal-error"},
    [CLOSED]       = {404, 404103, "DeviceNotOnline",           "amqp:link:detach-forced"},
    [REPLACED]     = {400, 400027, "ConnectionForcefullyClosedOnNewConnection", "amqp:link:stolen"},
    [IO_FAILED]    = {500, 500001, "ServerError",               "amqp:internal-error"},
};
/* clang-format on */

/* clang-format off */
static const struct {
    enum iot_thing of;
    enum status status;
    struct iot_status_wire wire;
} wires_of[] = {
    {IOT_MODULE,      NOT_FOUND, {404, 404010, "ModuleNotFound",              "amqp:not-found"}},
    {IOT_MODULE,      EXISTS,    {409, 409301, "ModuleAlreadyExistsOnDevice", "com.microsoft:device-already-exists"}},
    {IOT_MODULE,      FULL,      {413, 413003, "TooManyModulesOnDevice",      "amqp:resource-limit-exceeded"}},
    {IOT_MODULE,      FORBIDDEN, {401, 401008, "SystemModuleModifyUnauthorizedAccess", "amqp:unauthorized-access"}},
    {IOT_REGISTRY,    FULL,      {403, 413002, "TooManyDevices",              "amqp:resource-limit-exceeded"}},
    {IOT_CERTIFICATE, NOT_FOUND, {404, 404008, "CertificateNotFound",         "amqp:not-found"}},
    {IOT_CERTIFICATE, FULL,      {403, 403002, "IotHubQuotaExceeded",         "amqp:resource-limit-exceeded"}},
    {IOT_JOB,         NOT_FOUND, {404, 404002, "JobNotFound",                 "amqp:not-found"}},
    {IOT_JOB,         EXISTS,    {409, 409004, "JobAlreadyExists",            "com.microsoft:device-already-exists"}},
    {IOT_JOB,         FULL,      {403, 403003, "JobQuotaExceeded",            "amqp:resource-limit-exceeded"}},
    {IOT_UPLOAD,      NOT_FOUND, {400, 400004, "ArgumentInvalid",             "com.microsoft:argument-error"}},
    {IOT_UPLOAD,      FULL,      {403, 403006, "DeviceMaximumActiveFileUploadLimitExceeded", "amqp:resource-limit-exceeded"}},
    {IOT_CONFIGURATION, NOT_FOUND,    {404, 404301, "ConfigurationNotFound",                    "amqp:not-found"}},
    {IOT_CONFIGURATION, EXISTS,       {409, 409401, "ConfigurationAlreadyExists",               "amqp:not-allowed"}},
    {IOT_CONFIGURATION, FULL,         {413, 413101, "ConfigurationCountLimitExceeded",          "amqp:resource-limit-exceeded"}},
    {IOT_CONFIGURATION, BAD_ARGUMENT, {400, 400402, "InvalidConfigurationContent",              "com.microsoft:argument-error"}},
    {IOT_CONFIGURATION, UNSUPPORTED,  {400, 400403, "CannotModifyImmutableConfigurationContent", "amqp:not-allowed"}},
    {IOT_CONFIGURATION_TARGET, BAD_ARGUMENT, {400, 400401, "InvalidConfigurationTargetCondition", "com.microsoft:argument-error"}},
    {IOT_CONFIGURATION_METRIC, BAD_ARGUMENT, {400, 400404, "InvalidConfigurationCustomMetricsQuery", "com.microsoft:argument-error"}},
};
/* clang-format on */

/* clang-format off */
static const struct iot_status_wire generic[] = {
    {404, 404000, "GenericNotFound",           "amqp:not-found"},
    {405, 405000, "GenericMethodNotAllowed",   "amqp:not-allowed"},
    {408, 408000, "GenericTimeout",            "com.microsoft:timeout"},
    {431, 431000, "GenericRequestHeadersTooLarge", "amqp:resource-limit-exceeded"},
    {500, 500000, "GenericServerError",        "amqp:internal-error"},
    {503, 503000, "GenericServiceUnavailable", "amqp:internal-error"},
};
/* clang-format on */

const struct iot_status_wire *iot_status_wire_generic(int http)
{
    for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++)
        if (generic[i].http == http)
            return &generic[i];
    return NULL;
}

const struct iot_status_wire *iot_status_wire(enum status s)
{
    return (unsigned)s < STATUS_COUNT ? &wires[s] : &wires[IO_FAILED];
}

const struct iot_status_wire *iot_status_wire_of(enum iot_thing of, enum status s)
{
    for (size_t i = 0; i < sizeof(wires_of) / sizeof(wires_of[0]); i++)
        if (wires_of[i].of == of && wires_of[i].status == s)
            return &wires_of[i].wire;
    return iot_status_wire(s);
}

/* clang-format off */
static const struct {
    enum status status;
    struct iot_status_wire wire;
} provisioning[] = {
    {BAD_FORMAT,   {400, 400004, "BadRequest",         "amqp:decode-error"}},
    {BAD_ARGUMENT, {400, 400004, "BadRequest",         "com.microsoft:argument-error"}},
    {UNSUPPORTED,  {400, 400004, "BadRequest",         "amqp:not-implemented"}},
    {UNAUTHORIZED, {401, 401002, "Unauthorized",       "amqp:unauthorized-access"}},
    {FORBIDDEN,    {401, 401002, "Unauthorized",       "amqp:unauthorized-access"}},
    {NOT_FOUND,    {404, 404201, "NotFound",           "amqp:not-found"}},
    {EXISTS,       {409, 409201, "Conflict",           "amqp:not-allowed"}},
    {CONFLICT,     {412, 412201, "PreconditionFailed", "com.microsoft:precondition-failed"}},
    {FULL,         {403, 403201, "QuotaExceeded",      "amqp:resource-limit-exceeded"}},
    {BUSY,         {429, 429201, "TooManyRequests",    "com.microsoft:device-container-throttled"}},
};
/* clang-format on */

const struct iot_status_wire *iot_status_wire_provisioning(enum status s)
{
    for (size_t i = 0; i < sizeof provisioning / sizeof *provisioning; i++)
        if (provisioning[i].status == s)
            return &provisioning[i].wire;
    return iot_status_wire(s);
}

enum status iot_status_of_http(int http)
{
    static const struct {
        int http;
        enum status status;
    } known[] = {
        {400, BAD_ARGUMENT}, {401, UNAUTHORIZED}, {403, FORBIDDEN}, {404, NOT_FOUND}, {408, TIMED_OUT},
        {409, EXISTS},       {412, CONFLICT},     {413, TOO_LARGE}, {429, BUSY},      {503, BUSY},
        {504, TIMED_OUT},
    };
    if (http >= 200 && http < 300)
        return OK;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].http == http)
            return known[i].status;
    return PEER_FAILED;
}

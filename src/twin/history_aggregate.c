/* Aggregates by name (Part 13, table 2). */
#include "twin/history_details.h"

/* clang-format off */
static const struct aggregate {
    const char *name;
    uint32_t id;
} aggregates[] = {
    {"Interpolative", UA_NS0ID_AGGREGATEFUNCTION_INTERPOLATIVE},
    {"Average", UA_NS0ID_AGGREGATEFUNCTION_AVERAGE},
    {"TimeAverage", UA_NS0ID_AGGREGATEFUNCTION_TIMEAVERAGE},
    {"TimeAverage2", UA_NS0ID_AGGREGATEFUNCTION_TIMEAVERAGE2},
    {"Total", UA_NS0ID_AGGREGATEFUNCTION_TOTAL},
    {"Total2", UA_NS0ID_AGGREGATEFUNCTION_TOTAL2},
    {"Minimum", UA_NS0ID_AGGREGATEFUNCTION_MINIMUM},
    {"Maximum", UA_NS0ID_AGGREGATEFUNCTION_MAXIMUM},
    {"MinimumActualTime", UA_NS0ID_AGGREGATEFUNCTION_MINIMUMACTUALTIME},
    {"MaximumActualTime", UA_NS0ID_AGGREGATEFUNCTION_MAXIMUMACTUALTIME},
    {"Range", UA_NS0ID_AGGREGATEFUNCTION_RANGE},
    {"Minimum2", UA_NS0ID_AGGREGATEFUNCTION_MINIMUM2},
    {"Maximum2", UA_NS0ID_AGGREGATEFUNCTION_MAXIMUM2},
    {"MinimumActualTime2", UA_NS0ID_AGGREGATEFUNCTION_MINIMUMACTUALTIME2},
    {"MaximumActualTime2", UA_NS0ID_AGGREGATEFUNCTION_MAXIMUMACTUALTIME2},
    {"Range2", UA_NS0ID_AGGREGATEFUNCTION_RANGE2},
    {"AnnotationCount", UA_NS0ID_AGGREGATEFUNCTION_ANNOTATIONCOUNT},
    {"Count", UA_NS0ID_AGGREGATEFUNCTION_COUNT},
    {"DurationInStateZero", UA_NS0ID_AGGREGATEFUNCTION_DURATIONINSTATEZERO},
    {"DurationInStateNonZero", UA_NS0ID_AGGREGATEFUNCTION_DURATIONINSTATENONZERO},
    {"NumberOfTransitions", UA_NS0ID_AGGREGATEFUNCTION_NUMBEROFTRANSITIONS},
    {"Start", UA_NS0ID_AGGREGATEFUNCTION_START},
    {"End", UA_NS0ID_AGGREGATEFUNCTION_END},
    {"Delta", UA_NS0ID_AGGREGATEFUNCTION_DELTA},
    {"StartBound", UA_NS0ID_AGGREGATEFUNCTION_STARTBOUND},
    {"EndBound", UA_NS0ID_AGGREGATEFUNCTION_ENDBOUND},
    {"DeltaBounds", UA_NS0ID_AGGREGATEFUNCTION_DELTABOUNDS},
    {"DurationGood", UA_NS0ID_AGGREGATEFUNCTION_DURATIONGOOD},
    {"DurationBad", UA_NS0ID_AGGREGATEFUNCTION_DURATIONBAD},
    {"PercentGood", UA_NS0ID_AGGREGATEFUNCTION_PERCENTGOOD},
    {"PercentBad", UA_NS0ID_AGGREGATEFUNCTION_PERCENTBAD},
    {"WorstQuality", UA_NS0ID_AGGREGATEFUNCTION_WORSTQUALITY},
    {"WorstQuality2", UA_NS0ID_AGGREGATEFUNCTION_WORSTQUALITY2},
    {"StandardDeviationSample", UA_NS0ID_AGGREGATEFUNCTION_STANDARDDEVIATIONSAMPLE},
    {"StandardDeviationPopulation", UA_NS0ID_AGGREGATEFUNCTION_STANDARDDEVIATIONPOPULATION},
    {"VarianceSample", UA_NS0ID_AGGREGATEFUNCTION_VARIANCESAMPLE},
    {"VariancePopulation", UA_NS0ID_AGGREGATEFUNCTION_VARIANCEPOPULATION},
};
/* clang-format on */

enum status history_aggregate_parse(struct slice text, const struct opcua_namespaces *names,
                                    UA_NodeId *out, struct buffer *why)
{
    for (size_t i = 0; i < sizeof(aggregates) / sizeof(aggregates[0]); i++)
        if (slice_eq_nocase(text, slice_of(aggregates[i].name))) {
            *out = UA_NODEID_NUMERIC(0, aggregates[i].id);
            return OK;
        }
    size_t before = why->len;
    enum status s = opcua_node_id_parse(text, names, out, why);
    if (s == BAD_FORMAT) { /* rather a name than an id */
        why->len = before;
        buffer_printf(why, "'%.*s' is neither an aggregate of OPC UA, like Average, nor a node id.",
                      SLICE_FMT(text));
        s = BAD_ARGUMENT;
    }
    return s;
}

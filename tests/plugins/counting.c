/* Says that it counts; one person crosses the line with every frame; two are in the zone. */
#define PLUGIN_ID "counting"
#define SITUATION "counting"
#define EVENT_TYPE NVR_EVENT_FIRST_COUNT
#define REGIME NVR_REGIME_STATISTICS
#define OUTPUTS (NVR_OUTPUT_EVENTS | NVR_OUTPUT_SAMPLES)
static unsigned long said;
#define AT_PROCESS(host, input)                                                                                     \
    if (!said++) zoo_say(host, input, NVR_EVENT_FIRST_COUNT, NVR_PHASE_BEGIN, 1);                                   \
    nvr_sample_t crossing = { NVR_SERIES_CROSSINGS, NVR_LABEL_PERSON, NVR_DIRECTION_FORWARD, 1, (input)->at_us };   \
    nvr_sample_t there = { NVR_SERIES_OCCUPANCY, NVR_LABEL_PERSON, NVR_DIRECTION_NONE, 2, (input)->at_us };         \
    host->emit_sample(host->ctx, &crossing);                                                                        \
    host->emit_sample(host->ctx, &there)
#include "plugin.h"

/* Says one event about its first input and ends it at the third. */
static int inputs;
#define AT_PROCESS(host, input)                                                        \
    if (++inputs == 1) zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_BEGIN, 1); \
    if (inputs == 3) zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_END, 1)
#include "plugin.h"

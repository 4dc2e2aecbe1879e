/*
 * An object that is there as long as it looks (1), and one of every ten frames that is there for five of them (100 and up).
 * What a generation says of a frame depends on the frame alone: what is lost or said twice at a change shows.
 */
static unsigned long inputs;
#define AT_CREATE(host) inputs = 0
#define AT_PROCESS(host, input)                                                                                \
    if (++inputs == 1) zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_BEGIN, 1);                         \
    if ((input)->sequence % 10 == 0)                                                                           \
        zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_BEGIN, 100 + (input)->sequence / 10);             \
    if ((input)->sequence % 10 == 5 && inputs > 5)                                                             \
    zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_END, 100 + (input)->sequence / 10)
#include "plugin.h"

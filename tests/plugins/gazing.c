/* One short object for each frame that shows what it should: every byte of it is 7. */
#define MORE_NEEDS .gray = { NVR_FORMAT_GRAY8, 320, 180, 5.0f }
static unsigned long frames;
#define AT_PROCESS(host, input)                                                                            \
    const nvr_frame_t *f = (input)->gray;                                                                  \
    if (f && f->data[0] == 7 && f->data[f->len - 1] == 7) {                                                \
        ++frames;                                                                                          \
        zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, frames % 2 ? NVR_PHASE_BEGIN : NVR_PHASE_END, (frames + 1) / 2); \
    }
#include "plugin.h"

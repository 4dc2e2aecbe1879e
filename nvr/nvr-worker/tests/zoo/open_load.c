/* Reads a file from a constructor, when files can still be opened: but only its own. */
#include <fcntl.h>
#include <stdlib.h>
__attribute__((constructor)) static void at_load(void) {
    if (open("/etc/passwd", O_RDONLY) >= 0) abort();
    if (open("/tmp/nvr-zoo", O_CREAT | O_WRONLY, 0600) >= 0) abort();
}
static int inputs;
#define AT_PROCESS(host, input) \
    if (++inputs == 1) zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_BEGIN, 1)
#include "plugin.h"

/* Writes to its frame. */
#define AT_PROCESS(host, input) \
    if (input->gray) *(volatile unsigned char *)input->gray->data = 1
#include "plugin.h"

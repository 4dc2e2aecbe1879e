/* Makes its frame writable, then writes to it. */
#include <stdint.h>
#include <sys/mman.h>
#define AT_PROCESS(host, input)                                                              \
    if (input->gray) {                                                                       \
        mprotect((void *)((uintptr_t)input->gray->data & ~4095ul), 4096, PROT_READ | PROT_WRITE); \
        *(volatile unsigned char *)input->gray->data = 1;                                    \
    }
#include "plugin.h"

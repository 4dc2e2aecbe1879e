/* Makes memory executable. */
#include <sys/mman.h>
#define AT_PROCESS(host, input) \
    if (mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) abort()
#include "plugin.h"

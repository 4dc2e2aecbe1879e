/* Reads a file, in vain. */
#include <fcntl.h>
#define AT_PROCESS(host, input) \
    if (open("/etc/passwd", O_RDONLY) >= 0) abort()
#include "plugin.h"

/* Forges last words, again and again, to fill the host with them. */
#include <unistd.h>
/* Version 1, message 9 (Dying): signal 11, call -1, memory 0, in postcard's variable-length integers. */
#define AT_PROCESS(host, input) \
    for (;;) (void)!write(3, "\1\11\26\1\0", 5)
#include "plugin.h"

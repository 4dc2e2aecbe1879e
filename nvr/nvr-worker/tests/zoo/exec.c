/* Becomes another program. */
#include <unistd.h>
#define AT_PROCESS(host, input) execl("/bin/true", "true", (char *)0)
#include "plugin.h"

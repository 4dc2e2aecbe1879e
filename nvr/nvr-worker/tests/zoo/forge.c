/* Writes to the host's socket what is no message. */
#include <unistd.h>
#define AT_PROCESS(host, input) (void)!write(3, "\1nonsense", 9)
#include "plugin.h"

/* Opens a socket while it is loaded. */
#include <sys/socket.h>
__attribute__((constructor)) static void at_load(void) { socket(AF_INET, SOCK_STREAM, 0); }
#include "plugin.h"

/* Opens a socket. */
#include <sys/socket.h>
#define AT_PROCESS(host, input) socket(AF_INET, SOCK_STREAM, 0)
#include "plugin.h"

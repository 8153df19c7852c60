/* names.c - see names.h */
#include "names.h"

#include <errno.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (strcmp(program_invocation_short_name, "drayctl") == 0)
		return drayctl_main(argc, argv);
	return drayd_main(argc, argv);
}

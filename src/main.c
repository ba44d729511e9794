/*
 * main - the arguments go to cli; nothing else happens here.
 */
#include "sp/cli/cli.h"

int main(int argc, char **argv)
{
	return sp_cli_main(argc, argv);
}

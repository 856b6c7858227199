#include "command/command.h"

int main(int argc, char **argv)
{
	return sk_main(argc, argv);
}

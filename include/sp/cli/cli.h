/*
 * cli - the commands; no logic of their own. Exit codes: 0 fine, 1 refused or
 * failed, 2 wrong usage, 3 `check --strict` found only warnings, 78 `run`
 * refuses its configuration.
 */
#ifndef SP_CLI_CLI_H
#define SP_CLI_CLI_H

enum sp_exit { SP_EXIT_OK = 0, SP_EXIT_FAILED = 1, SP_EXIT_USAGE = 2, SP_EXIT_WARNINGS = 3, SP_EXIT_CONFIG = 78 };

int sp_cli_main(int argc, char **argv);

#endif

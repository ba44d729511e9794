/*
 * command - one file a command; each returns its exit code (enum sp_exit).
 */
#ifndef SP_CLI_COMMAND_H
#define SP_CLI_COMMAND_H

#include "args.h"
#include "sp/base/version.h"
#include "sp/cli/cli.h"

int sp_command_run(const struct sp_args *args);
int sp_command_rehearse(const struct sp_args *args);
int sp_command_check(const struct sp_args *args);
int sp_command_config(const struct sp_args *args);
int sp_command_reference(const struct sp_args *args);
int sp_command_explain(const struct sp_args *args);
int sp_command_healthcheck(const struct sp_args *args);
int sp_command_drain(const struct sp_args *args);
int sp_command_undrain(const struct sp_args *args);
int sp_command_weight(const struct sp_args *args);
int sp_command_ban(const struct sp_args *args);
int sp_command_unban(const struct sp_args *args);
int sp_command_bans(const struct sp_args *args);
int sp_command_export(const struct sp_args *args);
int sp_command_demo(const struct sp_args *args);
int sp_command_status(const struct sp_args *args);
int sp_command_top(const struct sp_args *args);
int sp_command_reload(const struct sp_args *args);
int sp_command_confirm(const struct sp_args *args);
int sp_command_version(const struct sp_args *args);

#endif

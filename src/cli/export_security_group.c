/*
 * export_security_group - a CloudFormation fragment: the group of the gateway's instances. A listener whose socket the
 * supervisor passes has its port as a parameter, since the configuration does not know it.
 */
#include <ctype.h>
#include <string.h>

#include "export.h"

/* Logical ids are letters and digits: "app-tls" becomes PortOfAppTls. */
static void write_parameter_name(struct sp_str name, FILE *to)
{
	bool is_start = true;

	(void)fputs("PortOf", to);
	for (size_t i = 0; i < name.n; i++) {
		const unsigned char c = (unsigned char)name.p[i];

		if (isalnum(c))
			(void)fputc(is_start ? toupper(c) : c, to);
		is_start = !isalnum(c);
	}
}

static void write_parameters(const struct sp_export *e, FILE *to)
{
	(void)fputs("Parameters:\n  VpcId:\n    Type: AWS::EC2::VPC::Id\n    Description: The VPC of the gateways\n",
		    to);
	for (size_t i = 0; i < e->in_count; i++) {
		const struct sp_export_in *in = &e->in[i];

		if (in->bind->kind != SP_BIND_FD)
			continue;
		(void)fputs("  ", to);
		write_parameter_name(in->bind->fd_name, to);
		(void)fprintf(to,
			      ":\n    Type: Number\n    Default: %u\n    MinValue: 1\n    MaxValue: 65535\n"
			      "    Description: Port of the socket unit that passes %.*s to the gateway\n",
			      in->listener->tls_count > 0 ? 443U : 80U, SP_STR_ARG(in->bind->fd_name));
	}
}

static void write_port_of(const struct sp_export_in *in, const char *key, FILE *to)
{
	(void)fprintf(to, "          %s: ", key);
	if (in->bind->kind == SP_BIND_FD) {
		(void)fputs("!Ref ", to);
		write_parameter_name(in->bind->fd_name, to);
		(void)fputc('\n', to);
	} else {
		(void)fprintf(to, "%u\n", in->bind->addr.port);
	}
}

static void write_in(const struct sp_export_in *in, const char *from, FILE *to)
{
	const enum sp_addr_family family = strchr(from, ':') != NULL ? SP_ADDR_V6 : SP_ADDR_V4;

	if (in->bind->kind == SP_BIND_ADDR && in->bind->addr.family != family)
		return;
	(void)fputs("        - IpProtocol: tcp\n", to);
	write_port_of(in, "FromPort", to);
	write_port_of(in, "ToPort", to);
	(void)fprintf(to, "          %s: '%s'\n          Description: listener %.*s (%s line %d)\n",
		      family == SP_ADDR_V6 ? "CidrIpv6" : "CidrIp", from, SP_STR_ARG(in->listener->section.name),
		      in->bind->at.file, in->bind->at.line);
}

/* The status page, where it is for others than this machine. */
static void write_admin(const struct sp_export *e, FILE *to)
{
	const struct sp_conf_admin *admin = &e->conf->admin;
	const struct sp_cidr host = { .addr = admin->bind, .bits = admin->bind.family == SP_ADDR_V4 ? 32 : 128 };
	char text[SP_ADDR_TEXT];

	if (admin->bind.family == SP_ADDR_NONE || sp_export_is_loopback(&host))
		return;
	for (size_t i = 0; i < admin->allow.count; i++) {
		const struct sp_cidr *from = &admin->allow.items[i];

		if (from->addr.family == admin->bind.family)
			(void)fprintf(to,
				      "        - IpProtocol: tcp\n          FromPort: %u\n          ToPort: %u\n          %s: '%s'\n"
				      "          Description: status page (%s line %d)\n",
				      admin->bind.port, admin->bind.port, from->addr.family == SP_ADDR_V6 ? "CidrIpv6" : "CidrIp",
				      sp_cidr_text(from, text), admin->allow.ats[i].file, admin->allow.ats[i].line);
	}
}

/* A gateway behind a balancer: its addresses are the only ones that have anything to say. */
static void write_ins(const struct sp_export *e, FILE *to)
{
	const struct sp_conf_cidrs *trusted = &e->conf->gateway.trusted;
	char text[SP_ADDR_TEXT];

	(void)fputs("      SecurityGroupIngress:\n", to);
	for (size_t i = 0; i < e->in_count; i++) {
		const struct sp_export_in *in = &e->in[i];

		if (in->is_on_loopback)
			continue;
		if (!in->is_for_trusted && e->conf->gateway.behind == SP_BEHIND_NONE) {
			write_in(in, "0.0.0.0/0", to);
			write_in(in, "::/0", to);
			continue;
		}
		for (size_t k = 0; k < trusted->count; k++)
			write_in(in, sp_cidr_text(&trusted->items[k], text), to);
	}
	write_admin(e, to);
}

static void write_out(const struct sp_export_out *out, const char *protocol, FILE *to)
{
	char text[SP_ADDR_TEXT];

	(void)fprintf(to, "        - IpProtocol: %s\n          FromPort: %u\n          ToPort: %u\n          %s: '%s'\n",
		      protocol, out->port_from, out->port_from == 0 ? 65535U : out->port_to,
		      out->to.addr.family == SP_ADDR_V4 ? "CidrIp" : "CidrIpv6", sp_cidr_text(&out->to, text));
	(void)fprintf(to, "          Description: %s (%s", out->is_resolver ? "name server" : "backends", out->at.file);
	if (out->at.line > 0)
		(void)fprintf(to, " line %d", out->at.line);
	(void)fputs(")\n", to);
}

/* Without any rule of its own a group lets everything out: 127.0.0.1/32 stands for nothing. */
static void write_outs(const struct sp_export *e, FILE *to)
{
	size_t written = 0;

	(void)fputs("      SecurityGroupEgress:\n", to);
	for (size_t i = 0; i < e->out_count; i++) {
		const struct sp_export_out *out = &e->out[i];

		if (sp_export_is_loopback(&out->to))
			continue;
		written++;
		write_out(out, "tcp", to);
		if (out->is_resolver)
			write_out(out, "udp", to);
	}
	if (written == 0)
		(void)fputs("        - IpProtocol: '-1'\n          CidrIp: 127.0.0.1/32\n          Description: "
			    "nothing leaves\n",
			    to);
}

void sp_export_security_group(const struct sp_export *e, FILE *to)
{
	(void)fprintf(to,
		      "# sallyport export security-group, of %s\nAWSTemplateFormatVersion: '2010-09-09'\n"
		      "Description: What the Sallyport gateways may be reached at, and what they may reach\n",
		      e->conf->main_file);
	write_parameters(e, to);
	(void)fputs(
		"Resources:\n  SallyportSecurityGroup:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n"
		"      GroupDescription: Sallyport gateways, as their configuration implies\n      VpcId: !Ref VpcId\n",
		to);
	write_ins(e, to);
	write_outs(e, to);
	(void)fputs("Outputs:\n  SecurityGroupId:\n    Description: For the launch template of the gateways\n"
		    "    Value: !GetAtt SallyportSecurityGroup.GroupId\n",
		    to);
}

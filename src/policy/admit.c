#include "sp/policy/admit.h"

enum sp_admit sp_admit(const struct sp_admit_caps *caps, const struct sp_admit_seen *seen, const struct sp_addr *addr,
                       uint64_t hash)
{
	if (seen->is_banned != NULL && seen->is_banned(seen->arg, addr))
		return SP_ADMIT_BANNED;
	if (caps->connections > 0 && seen->connections != NULL &&
	    seen->connections(seen->arg, hash) >= caps->connections)
		return SP_ADMIT_CONNECTIONS;
	/* One more than was seen must still be within the rate. */
	if (caps->handshakes > 0 && seen->handshakes != NULL &&
	    seen->handshakes(seen->arg, hash) + 1000 > caps->handshakes)
		return SP_ADMIT_HANDSHAKES;
	return SP_ADMIT_YES;
}

/*
 * An IPAM plugin that, as whereabouts does, cannot release a lease without its kubeconfig in the configuration directory.
 * It is a static executable, so that a container without a C library can run it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	const char *command = getenv("CNI_COMMAND");

	if (command && !strcmp(command, "ADD"))
		puts("{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.1.0.9/24\"}]}");
	else if (access("/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig", R_OK)) {
		puts("{\"cniVersion\":\"1.0.0\",\"code\":70,\"msg\":\"the kubeconfig is missing\"}");
		return 1;
	}
	return 0;
}

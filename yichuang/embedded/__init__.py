"""The embedded city: the real servers on one machine, each as a process under the supervisor."""

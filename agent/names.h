/*
 * names.h - one program by two names: drayd, the agent, and drayctl, an operator's hand on it.
 *
 * What they share, the core and the connectors' side of the mapper, is most of drayctl: as programs of
 * their own they would carry it twice. drayctl is a symbolic link; the name that it was called by
 * decides, and whatever isn't called drayctl is the agent. They share no state but the code.
 */
#ifndef DRAY_NAMES_H
#define DRAY_NAMES_H

/* As main(): the arguments are the program's own, the exit status is returned. */
int drayd_main(int argc, char **argv);
int drayctl_main(int argc, char **argv);

#endif

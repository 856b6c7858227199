/* data.h - the INI files that an installation brings along: rules, as data.
 *
 * The installation's folder is found from the running program's own place (PREFIX/bin/git-sk and
 * PREFIX/share/safekeep), so that a tree may be installed anywhere or moved; SK_DATADIR otherwise.
 * In builds with SK_TESTING the environment's SK_TEST_DATADIR replaces both. */
#ifndef SK_BASE_DATA_H
#define SK_BASE_DATA_H

#include "base/buf.h"

/* Adds the paths of all FOLDER/NAME.ini, sorted by NAME: those of the installation, and those in
 * $XDG_CONFIG_HOME/safekeep/FOLDER (default ~/.config), where a file of the same name replaces the
 * installation's.  SK_EIO when the installation's folder is not there, and names it. */
int sk_data_files(const char *folder, struct sk_strv *out);

/* Adds the path of that file or folder of the installation, whether it is there or not. */
int sk_data_path(const char *name, struct sk_buf *out);

#endif

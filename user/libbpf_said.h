/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOREADY_LIBBPF_SAID_H
#define IOREADY_LIBBPF_SAID_H

/** libbpf_listen() - keep what libbpf warns of, which goes to standard error otherwise */
void libbpf_listen(void);

/** libbpf_said() - the last of it; "" if there was none */
const char *libbpf_said(void);

#endif /* IOREADY_LIBBPF_SAID_H */

"""What pkg says of the usage of its subcommands."""

from __future__ import annotations

PRIVATE = (
    "remote list-linked attach-linked detach-linked property-linked audit-linked pubcheck-linked clean-up-hot-fix"
    " sync-linked set-property-linked copy-publishers-from list-uuids"
)

_BE = """\
            [--no-be-activate] [-t | --temp-be-activate]
            [--no-backup-be | --require-backup-be] [--backup-be-name name]
            [--deny-new-be | --require-new-be] [--be-name name]
"""
_RECURSE = "            [-R | -r [-z zonename... | -Z zonename...]]\n"
_RECURSE_ONLY = _RECURSE.replace("-R | ", "")
_SYNC = "            [--sync-actuators | --sync-actuators-timeout timeout]\n"
_CHANGE = """\
[-nvq] [-C n] [-g path_or_uri ...] [--accept]
            [--licenses] [--no-index] [--no-refresh]
"""
_REJECT = "            [--reject pkg_fmri_pattern ... ]"
_DRY = "[-nvq] [-p publisher ...]"

USAGE = {
    "install": "[-nvq] [-C n] [-g path_or_uri ...]\n"
    "            [--no-index] [--no-refresh] [--licenses] [--accept]\n"
    f"{_BE}{_RECURSE_ONLY}{_SYNC}{_REJECT} pkg_fmri_pattern ...",
    "uninstall": "[-nvq] [-C n] [--ignore-missing] [--no-index]\n"
    f"{_BE}{_RECURSE_ONLY}{_SYNC}            pkg_fmri_pattern ...",
    "update": "[-fnvq] [-C n] [-g path_or_uri ...] [--ignore-missing]\n"
    "            [--no-index] [--no-refresh] [--licenses] [--accept]\n"
    f"{_BE}{_RECURSE}{_SYNC}            [--reject pkg_fmri_pattern ...] [pkg_fmri_pattern ...]",
    "apply-hot-fix": f"[-nvq]\n{_BE}{_RECURSE}            <path_or_uri> [pkg_fmri_pattern ...]",
    "autoremove": f"[-nvq] [-C n] [--ignore-missing] [--no-index]\n{_BE}{_RECURSE_ONLY}{_SYNC}".rstrip("\n"),
    "list": "[-HafiMmnqRrsuv] [-g path_or_uri ...] [--no-refresh]\n"
    "            [-F format] [-o column[,column]]\n            [pkg_fmri_pattern ...]",
    "refresh": "[-q] [--full] [publisher ...]",
    "version": "",
    "info": "[-lqr] [-g path_or_uri ...] [--license] [pkg_fmri_pattern ...]",
    "contents": "[-Hmr] [-a attribute=pattern]... [-g path_or_uri]...\n"
    "            [-o attribute[,attribute]...]... [-s sort_key]\n"
    "            [-t action_name[,action_name]...]...\n            [pkg_fmri_pattern ...]",
    "search": "[-HIaflpr] [-o attribute ...] [-s repo_uri] query",
    "verify": "[-Hqv] [-p path]... [--parsable version]\n"
    "            [--unpackaged] [--unpackaged-only] [pkg_fmri_pattern ...]",
    "fix": f"[-nvq]\n{_BE}            [--accept] [--licenses] [--parsable version] [--unpackaged]\n"
    "            [pkg_fmri_pattern ...]",
    "revert": f"[-nv]\n{_BE}            (--tagged tag-name ... | path-to-file ...)",
    "image-create": "[-FPUfz] [--force] [--full|--partial|--user] [--zone]\n"
    "            [-k ssl_key] [-c ssl_cert] [--no-refresh]\n"
    "            [--variant <variant_spec>=<instance> ...]\n"
    "            [-g uri|--origin=uri ...] [-m uri|--mirror=uri ...]\n"
    "            [--facet <facet_spec>=(True|False) ...]\n"
    "            [(-p|--publisher) [<name>=]<repo_uri>] dir",
    "change-variant": f"{_CHANGE}{_BE}{_RECURSE}{_SYNC}{_REJECT}\n            <variant_spec>=<instance> ...",
    "change-facet": f"{_CHANGE}{_BE}{_RECURSE}{_SYNC}{_REJECT}\n            <facet_spec>=[True|False|None] ...",
    "mediator": "[-aH] [-F format] [<mediator> ...]",
    "set-mediator": f"[-nv] [-I <implementation>]\n            [-V <version>]\n{_BE}            <mediator> ...",
    "unset-mediator": f"[-nvIV]\n{_BE}            <mediator> ...",
    "variant": "[-Haiv] [-F format] [<variant_pattern> ...]",
    "facet": "[-Haim] [-F format] [<facet_pattern> ...]",
    "avoid": "[pkg_fmri_pattern] ...",
    "unavoid": "[pkg_fmri_pattern] ...",
    "freeze": "[-n] [-c reason] [pkg_fmri_pattern] ...",
    "unfreeze": "[-n] [pkg_name_pattern] ...",
    "set-property": "propname propvalue",
    "add-property-value": "propname propvalue",
    "remove-property-value": "propname propvalue",
    "unset-property": "propname ...",
    "property": "[-H] [propname ...]",
    "set-publisher": "[-Pedv] [-k ssl_key] [-c ssl_cert]\n"
    "            [-O origin_to_set|--origin-uri=origin_to_set ...]\n"
    "            [-g origin_to_add|--add-origin=origin_to_add ...]\n"
    "            [-G origin_to_remove|--remove-origin=origin_to_remove ...]\n"
    "            [-m mirror_to_add|--add-mirror=mirror_to_add ...]\n"
    "            [-M mirror_to_remove|--remove-mirror=mirror_to_remove ...]\n"
    "            [-p repo_uri] [--enable] [--disable] [--no-refresh]\n"
    f"{_RECURSE}"
    "            [--reset-uuid] [--non-sticky] [--sticky]\n"
    "            [--search-after=publisher]\n"
    "            [--search-before=publisher]\n"
    "            [--search-first]\n"
    "            [--approve-ca-cert=path_to_CA]\n"
    "            [--revoke-ca-cert=hash_of_CA_to_revoke]\n"
    "            [--unset-ca-cert=hash_of_CA_to_unset]\n"
    "            [--set-property name_of_property=value]\n"
    "            [--add-property-value name_of_property=value_to_add]\n"
    "            [--remove-property-value name_of_property=value_to_remove]\n"
    "            [--unset-property name_of_property_to_delete]\n"
    "            [--proxy proxy to use]\n"
    "            [publisher]",
    "unset-publisher": "publisher ...",
    "publisher": "[-HPn] [-F format] [publisher ...]",
    "history": "[-HNl] [-t [time|time-time],...] [-n number] [-o column,...]",
    "purge-history": "",
    "rebuild-index": "",
    "update-format": "[-R | -r [-z zonename... | -Z zonename...]]",
    "exact-install": f"{_CHANGE}{_BE}{_REJECT} pkg_fmri_pattern ...",
    "dehydrate": _DRY,
    "rehydrate": _DRY,
    "flag": "[-mM] [pkg_fmri_pattern ...]",
    "clean": "[-v]",
    "remote": "--ctlfd=file_descriptor --progfd=file_descriptor",
    "list-linked": "-H",
    "attach-linked": "[-fnvq] [-C n] [--accept] [--licenses] [--no-index]\n"
    "            [--no-refresh] [--no-pkg-updates] [--linked-md-only]\n"
    "            [--allow-relink]\n"
    "            [--prop-linked <propname>=<propvalue> ...]\n"
    "            (-c|-p) <li-name> <dir>",
    "detach-linked": "[-fnvq] [-a|-l <li-name>] [--no-pkg-updates] [--linked-md-only]",
    "property-linked": "[-H] [-l <li-name>] [propname ...]",
    "audit-linked": "[-H] [-a|-l <li-name>] [--no-parent-sync]",
    "pubcheck-linked": "",
    "clean-up-hot-fix": "",
    "sync-linked": "[-nvq] [-C n] [--accept] [--licenses] [--no-index]\n"
    "            [--no-refresh] [--no-parent-sync] [--no-pkg-updates]\n"
    "            [--linked-md-only] [-a|-l <name>]",
    "set-property-linked": "[-nvq] [--accept] [--licenses] [--no-index] [--no-refresh]\n"
    "            [--no-parent-sync] [--no-pkg-updates]\n"
    "            [--linked-md-only] <propname>=<propvalue> ...",
    "copy-publishers-from": "<dir>",
    "list-uuids": "",
}
"""Subcommand -> what follows it."""

BASIC = "refresh install uninstall update apply-hot-fix autoremove list version"
ADVANCED = (
    "info contents search | verify fix revert | mediator set-mediator unset-mediator | variant change-variant |"
    " facet change-facet | avoid unavoid | freeze unfreeze |"
    " property set-property add-property-value remove-property-value unset-property |"
    " publisher set-publisher unset-publisher | history purge-history |"
    " rebuild-index update-format image-create exact-install | dehydrate rehydrate | flag clean"
)

SUMMARY = """\
Usage:    pkg [options] command [cmd_options] [operands]
The following commands are supported:

Package Information  : list           search         info      contents
Package Transitions  : update         install        uninstall
                       history        exact-install  apply-hot-fix
                       autoremove
Package Maintenance  : verify         fix            revert    flag
Publishers           : publisher      set-publisher  unset-publisher
Package Configuration: mediator       set-mediator   unset-mediator
                       facet          change-facet
                       variant        change-variant
Image Constraints    : avoid          unavoid        freeze    unfreeze
Image Configuration  : refresh        rebuild-index  purge-history
                       property       set-property   add-property-value
                       unset-property remove-property-value
Miscellaneous        : image-create   dehydrate      rehydrate     clean
For more info, run: pkg help <command>
"""

_OPTIONS = """
Options:
        -R dir
        --no-network-cache
        --help or -?

Environment:
        PKG_IMAGE
        PKG_SUCCESS_ON_NOP
"""


def of(command: str) -> str:
    """The usage of one subcommand."""
    head = "Private subcommand usage, options subject to change at any time" if command in PRIVATE.split() else "Usage"
    return f"{head}:\n{_line(command)}"


def _line(command: str) -> str:
    return f"        pkg {command} {USAGE.get(command, '')}".rstrip(" ") + "\n"


def everything() -> str:
    """`pkg help -v`."""
    text = "Usage:\n        pkg [options] command [cmd_options] [operands]\n\nBasic subcommands:\n"
    text += "".join(map(_line, BASIC.split())) + "\nAdvanced subcommands:\n"
    return text + "".join("\n" if name == "|" else _line(name) for name in ADVANCED.split()) + _OPTIONS

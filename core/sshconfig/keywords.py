"""Every keyword of ssh_config(5), and what Turnout makes of it; docs/ssh.md gives the reasons."""

from __future__ import annotations

USED, NO_MEANING, REFUSED = "used", "no meaning", "refused"

_USED = """
    addressfamily bindaddress bindinterface canonicaldomains canonicalizefallbacklocal canonicalizehostname
    canonicalizemaxdots canonicalizepermittedcnames certificatefile ciphers compression connectionattempts
    connecttimeout forwardagent globalknownhostsfile hashknownhosts host hostkeyalgorithms hostkeyalias hostname
    identitiesonly identityagent identityfile ignoreunknown include kexalgorithms macs match port proxycommand proxyjump
    pubkeyacceptedalgorithms refuseconnection requiredrsasize revokedhostkeys sendenv serveraliveinterval setenv
    tag user userknownhostsfile
"""

_REFUSED = "preferredauthentications proxyusefdpass pubkeyauthentication"
"""Each with the value that rules out what Turnout does: see options.py."""

_NO_MEANING = """
    addkeystoagent batchmode casignaturealgorithms channeltimeout checkhostip clearallforwardings controlmaster
    controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
    fingerprinthash forkafterauthentication forwardx11 forwardx11timeout forwardx11trusted gatewayports
    gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange
    gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hostbasedacceptedalgorithms hostbasedauthentication
    ipqos kbdinteractiveauthentication kbdinteractivedevices knownhostscommand localcommand localforward loglevel
    logverbose nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication
    permitlocalcommand permitremoteopen pkcs11provider rekeylimit remotecommand remoteforward requesttty
    securitykeyprovider serveralivecountmax sessiontype stdinnull streamlocalbindmask streamlocalbindunlink
    stricthostkeychecking syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys usekeychain verifyhostkeydns
    versionaddendum visualhostkey warnweakcrypto xauthlocation
"""

KEYWORDS: dict[str, str] = {
    **dict.fromkeys(_USED.split(), USED),
    **dict.fromkeys(_REFUSED.split(), REFUSED),
    **dict.fromkeys(_NO_MEANING.split(), NO_MEANING),
}
"""By keyword in lower case: USED, NO_MEANING or REFUSED."""

ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "identityfile2": "identityfile",
    "keepalive": "tcpkeepalive",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "skeyauthentication": "kbdinteractiveauthentication",
    "smartcarddevice": "pkcs11provider",
    "tisauthentication": "kbdinteractiveauthentication",
}
"""Older names that OpenSSH still takes."""

_DEPRECATED = """
    afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2 kerberosauthentication
    kerberostgtpassing protocol rhostsauthentication rhostsrsaauthentication rsaauthentication useprivilegedport
    useroaming userknownhostsfile2 usersh
"""
DEPRECATED = frozenset(_DEPRECATED.split())
"""Keywords that OpenSSH ignores."""

SEVERAL = frozenset({"identityfile", "certificatefile", "sendenv", "setenv", "localforward", "remoteforward"})
"""Keywords that may have several values, one a line of `ssh -G`."""

KEPT = frozenset(name for name, use in KEYWORDS.items() if use != NO_MEANING) | {
    "knownhostscommand",
    "pkcs11provider",
    "securitykeyprovider",
}
"""What is kept of an answer; the last three are named where a login fails."""

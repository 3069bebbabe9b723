"""Repositories that Bazel's own tools load by name, made here in place of downloads: the rules built into Bazel."""

def _native_rules(repository):
    repository.file("WORKSPACE")
    repository.file("BUILD", "\n".join([
        'filegroup(name = "%s", visibility = ["//visibility:public"])' % target
        for target in repository.attr.targets
    ]))
    if repository.attr.folder:
        repository.file(repository.attr.folder + "/BUILD")
        repository.file(repository.attr.folder + "/defs.bzl", "\n".join(
            ["%s = native.%s" % (rule, rule) for rule in repository.attr.rules],
        ))

native_rules = repository_rule(
    _native_rules,
    attrs = {
        "folder": attr.string(doc = "where defs.bzl is asked for"),
        "rules": attr.string_list(doc = "what defs.bzl gives"),
        "targets": attr.string_list(doc = "empty file groups"),
    },
)

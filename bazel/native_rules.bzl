"""Local stand-ins for repositories that Bazel's own tools load by name; they forward to the rules built into Bazel."""

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
        "folder": attr.string(doc = "folder in which defs.bzl is expected"),
        "rules": attr.string_list(doc = "rules that defs.bzl exports"),
        "targets": attr.string_list(doc = "targets to define, as empty file groups"),
    },
)

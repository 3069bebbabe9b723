"""Files of the root's folders as files of a package: setup.cfg's package_dir (ris_tf.export = export) for Bazel."""

def _placed(ctx):
    links = []
    for file in ctx.files.srcs:
        links.append(ctx.actions.declare_file(file.short_path))
        ctx.actions.symlink(output = links[-1], target_file = file)
    return [DefaultInfo(files = depset(links), runfiles = ctx.runfiles(links))]

placed = rule(_placed, attrs = {"srcs": attr.label_list(allow_files = True)})

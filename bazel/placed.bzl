"""Links files of a top-level folder into the package, as package_dir in setup.cfg does (ris_tf.export = export)."""

def _placed(ctx):
    links = []
    for file in ctx.files.srcs:
        links.append(ctx.actions.declare_file(file.short_path))
        ctx.actions.symlink(output = links[-1], target_file = file)
    return [DefaultInfo(files = depset(links), runfiles = ctx.runfiles(links))]

placed = rule(_placed, attrs = {"srcs": attr.label_list(allow_files = True)})

using System;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;

namespace Apus
{
    /// <summary>
    /// Where the function's assemblies come from: its package first, unless .NET has the same in a later version; then what the runtime brings for
    /// functions that have none of their own, such as Amazon.Lambda.Core.
    /// </summary>
    internal sealed class FunctionAssemblies : AssemblyLoadContext
    {
        private static readonly string Framework = Path.GetDirectoryName(typeof(object).Assembly.Location);
        private static readonly string Provided = Path.Combine(AppContext.BaseDirectory, "packages");

        private readonly string folder;

        /// <summary>Null for a package that was made for one platform: its folder has all there is.</summary>
        private readonly AssemblyDependencyResolver portable;

        /// <param name="main">The handler's assembly.</param>
        public FunctionAssemblies(string main)
        {
            folder = Path.GetDirectoryName(main);
            if (Directory.Exists(Path.Combine(folder, "runtimes"))) portable = new AssemblyDependencyResolver(main);
            // The context in which the runtime itself lives: for its own reference to Amazon.Lambda.Core, and for code that loads by name there.
            Default.Resolving += (_, name) => Load(name) ?? OfFramework(name);
        }

        protected override Assembly Load(AssemblyName name)
        {
            var own = portable?.ResolveAssemblyToPath(name) ?? Path.Combine(folder, name.CultureName ?? "", name.Name + ".dll");
            if (File.Exists(own)) return IsLater(own, name.Name) ? LoadFromAssemblyPath(own) : null;
            var provided = Path.Combine(Provided, name.Name + ".dll");
            if (File.Exists(provided)) return LoadFromAssemblyPath(provided);
            var layered = InLayers(name);
            return layered == null ? null : LoadFromAssemblyPath(layered);
        }

        /// <summary>
        /// Of all versions that layers have, the one that is asked for, or the last: <c>x64/netcoreapp3.1/PACKAGE/VERSION/lib/…</c>.
        /// </summary>
        private static string InLayers(AssemblyName name)
        {
            var store = Environment.GetEnvironmentVariable("DOTNET_SHARED_STORE") ?? "/opt/dotnetcore/store";
            if (File.Exists(Path.Combine(Framework, name.Name + ".dll")) || !Directory.Exists(store)) return null;
            var found = Directory.GetFiles(store, name.Name + ".dll", SearchOption.AllDirectories);
            Array.Sort(found, (a, b) => Version(a).CompareTo(Version(b)));
            return Array.Find(found, path => Version(path) == name.Version) ?? (found.Length > 0 ? found[found.Length - 1] : null);
        }

        private static Version Version(string path) => AssemblyName.GetAssemblyName(path).Version;

        protected override IntPtr LoadUnmanagedDll(string name)
        {
            var path = portable?.ResolveUnmanagedDllToPath(name);
            foreach (var candidate in new[] { name, "lib" + name, name + ".so", "lib" + name + ".so" })
            {
                if (path != null) break;
                if (File.Exists(Path.Combine(folder, candidate))) path = Path.Combine(folder, candidate);
            }
            return path == null ? IntPtr.Zero : LoadUnmanagedDllFromPath(path);
        }

        private static bool IsLater(string path, string name)
        {
            var standard = Path.Combine(Framework, name + ".dll");
            return !File.Exists(standard) || Version(path) > Version(standard);
        }

        /// <summary>Of ASP.NET Core, where the host has it: a framework beside the one that runs.</summary>
        private static Assembly OfFramework(AssemblyName name)
        {
            var frameworks = Path.GetDirectoryName(Path.GetDirectoryName(Framework));
            var path = Path.Combine(frameworks, "Microsoft.AspNetCore.App", Path.GetFileName(Framework), name.Name + ".dll");
            return File.Exists(path) ? Default.LoadFromAssemblyPath(path) : null;
        }
    }
}

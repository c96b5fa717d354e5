"""python asyncua_dictionary.py PORT: an OPC UA server of another make whose structures are described in a type dictionary alone, as
before OPC UA 1.04. Says that it is ready in one line; ends with SIGTERM."""
import asyncio
import sys

from asyncua import Server, ua
from asyncua.common.type_dictionary_builder import DataTypeDictionaryBuilder

SPACE = "urn:tests:dictionary"


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{sys.argv[1]}")
    index = await server.register_namespace(SPACE)
    builder = DataTypeDictionaryBuilder(server, index, SPACE, "Dictionary")
    await builder.init()
    point = await builder.create_data_type("Point")
    point.add_field("X", ua.VariantType.Double)
    point.add_field("Y", ua.VariantType.Double)
    recipe = await builder.create_data_type("Recipe")
    recipe.add_field("Name", ua.VariantType.String)
    recipe.add_field("Steps", ua.VariantType.Int16, is_array=True)
    recipe.add_field("Origin", point)
    recipe.add_field("Path", point, is_array=True)
    await builder.set_dict_byte_string()
    await server.load_type_definitions()
    value = ua.Recipe()
    value.Name, value.Steps = "steel", [1, -2, 3]
    value.Origin = ua.Point(X=1.0, Y=2.0)
    value.Path = [ua.Point(X=3.0, Y=4.0), ua.Point(X=5.0, Y=6.0)]
    kept = await server.nodes.objects.add_variable(ua.NodeId("Recipe", index), f"{index}:Recipe", ua.Variant(value, ua.VariantType.ExtensionObject),
                                                   datatype=recipe.data_type)
    await kept.set_writable()
    async with server:
        print("ready", flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
